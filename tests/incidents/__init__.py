"""From results to incidents and to what is told of them."""
