"""What judges the site, gives it its addresses and packs it."""
