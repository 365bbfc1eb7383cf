"""What `downloads` needs to make a notebook of a chapter."""
