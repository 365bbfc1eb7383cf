"""What makes pages and text out of our sources: chapters, lists, notebooks, the API."""
