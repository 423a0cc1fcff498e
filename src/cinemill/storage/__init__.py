"""Files that lie elsewhere: brought here, and sent there."""
