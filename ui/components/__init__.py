"""Custom components, each with its own CSS and JavaScript files."""
