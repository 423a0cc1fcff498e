"""What is done with people at it: capturing from a deck, teaching a network. In a studio's queue they are jobs."""
