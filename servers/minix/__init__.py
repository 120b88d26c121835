"""A file server for disks in the MINIX version 3 format."""
