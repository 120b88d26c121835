"""Attaching that goes wrong: nothing is left open, and the launcher lives on."""

import os
import threading

import pytest
import zmq

from microlith import System, boot
from microlith.frame.connection import Gone
from microlith.frame.frame import within
from microlith.interface.status import UsageError
from microlith.launch import attach
from servers.ramdisk import RamDisk
from tests.process.until import descriptors


def test_join_of_a_kernel_that_does_not_welcome_leaves_nothing_open(tmp_path):
    endpoint = f"ipc://{tmp_path}/kernel"
    answer = {"name": "x", "rank": 9, "transport": "zmq", "endpoint": endpoint, "kernel": os.getpid()}
    answer |= {"spins": False, "peers": [], "places": [], "labels": []}
    with zmq.Context() as context, context.socket(zmq.ROUTER) as silent:
        silent.bind(endpoint)
        before = None
        for _ in range(3):
            with within(0.1), pytest.raises(Gone):
                attach.join({}, answer, (), "operator")
            before = before or descriptors(os.getpid())
        assert descriptors(os.getpid()) <= before + 2  # the ROUTER lets go of a closed connection in its own time


def test_launcher_without_threads_refuses_a_client_and_lives_on(monkeypatch):
    with boot(System("one").server("disk", RamDisk), architecture="mach") as machine:
        start = threading.Thread.start

        def none(thread):
            if thread.daemon and getattr(thread, "_target", None) == machine._listener.serve:
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", none)
        with pytest.raises(UsageError, match="the machine ended"):
            attach.attach_from(machine.run_dir / "control", "operator")
        assert not machine._listener.clients
        monkeypatch.undo()
        attached = attach.attach_from(machine.run_dir / "control", "operator")
        assert attached.disk.geometry()
        attached.close()
