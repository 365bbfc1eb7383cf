"""What fights the theme: each step undoes or replaces something that mkdocs-material does."""
