"""What happens in the gateway just now, for those who watch it in the console."""
