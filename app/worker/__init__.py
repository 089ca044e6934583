"""The scheduler process: claims due checks, runs them in threads, records what they found."""
