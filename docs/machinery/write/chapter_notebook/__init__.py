"""What the hook `downloads` needs to make a notebook of a chapter."""
