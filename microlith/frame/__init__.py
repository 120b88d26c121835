"""What surrounds a server at run time: the frame, its links, the messages on them."""
