"""Private: rows and labels before any model sees them."""
