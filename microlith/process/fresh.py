"""A domain in an interpreter of its own (`start.fresh = true`): the arguments are its birth record."""

import os
import sys

import msgspec

from microlith.process.birth import Birth
from microlith.process.domain import main

if __name__ == "__main__":
    birth = msgspec.msgpack.decode(bytes.fromhex(sys.argv[1]), type=Birth)
    os._exit(main(birth, [int(number) for number in sys.argv[2].split(",") if number]))
