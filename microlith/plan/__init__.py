"""What runs where: a plan is frozen data, made by an architecture from a system."""
