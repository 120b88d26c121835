"""The comparison: the same system and workload through several architectures, and what it came to.

Its phases are rounds (with and without a copy of the tree), probes and kills.  Each goes through all
architectures in turn, shuffled under one seed, so that what drifts on the host drifts for all; the one with
most domains runs its rounds a second time under another label, as a control.  The disk driver is killed in
the middle of a copy, after the same number of files in every architecture.  How often each phase is gone
through is a matter of time (budget.py).  The result is a document: {"about", "records", "outcomes"}.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.about import about, host_filesystem
from bench.kills import Trial
from bench.options import Options
from bench.phases import Phases, Progress
from bench.placement import Placement
from bench.probes import Probe
from bench.records import Recorder, outcomes
from bench.rounds import Bench, Round
from bench.subject import Subject, prepare
from bench.tree import Tree, stage
from microlith.kinds import architecture as find_architecture
from microlith.kinds import root_of
from servers.apps.retry import ascii_safe


def compare(options: Options, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Run it all.  UsageError before anything is measured; the temporary folder is removed in any case."""
    at = Placement(options.placement)
    with _folder() as folder:
        progress("staging the tree", 0, 1)
        staged = folder / "tree"
        staged.mkdir()
        tree = stage(options.tree, staged, options.tree_part)
        subject = prepare(options.system, folder, tree.blocks, tree.inodes)
        progress("formatting the disk", 0, 1)
        subject.format(options.architectures[0], tree.blocks, tree.inodes)
        run = Phases(options, Bench(subject, tree, staged, at), progress)
        found = _Found(run.control, run.rounds(), run.probes(), run.trials())
        return _document(options, subject, tree, found, folder)


@dataclass
class _Found:
    """All that was measured."""

    control: str
    rounds: list[Round]
    probes: list[Probe]
    trials: list[Trial]


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="microlith-compare-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _link(subject: Subject, architecture: str) -> dict[str, str]:
    """How the workload reaches the files in an architecture."""
    link = find_architecture(architecture)(subject.system).template(subject.programs["workload"]).links[0]
    return {"path": link.path, "transport": link.transport or "none"}


def _microkernel(subject: Subject, architecture: str) -> bool:
    """Is its root the microkernel's process, whose lines are counted?"""
    return root_of(find_architecture(architecture)(subject.system)) == "broker"


def _wrong(found: _Found) -> list[str]:
    """The files that came back wrong, the first of them."""
    paths = [path for one in found.rounds for path in one.wrong]
    paths += [path for one in found.probes for path in one.wrong]
    return sorted({ascii_safe(path) for path in paths})[:20]


def _document(options: Options, subject: Subject, tree: Tree, found: _Found, folder: Path) -> dict[str, Any]:
    by_label: dict[str, list[Round]] = {}
    for one in found.rounds:
        by_label.setdefault(one.label, []).append(one)
    conditions = {"placement": options.placement, "system": subject.system.name, "clients": 1}
    links = {name: _link(subject, name) for name in options.architectures}
    recorder = Recorder(options.seed, conditions, links)
    for name in options.architectures:
        recorder.measured(name, by_label[name], tree.bytes)
        recorder.probed(name, [p for p in found.probes if p.architecture == name])
        mine = [t for t in found.trials if t.architecture == name]
        if mine:
            recorder.killed(name, mine, subject.driver)
    control = found.control
    recorder.control(control, by_label[control], by_label[f"{control} again"], tree.bytes)
    source = ascii_safe(tree.source)
    described = {"source": source, "files": len(tree.files), "bytes": tree.bytes, "left_out": dict(tree.left_out)}
    facts = about(
        options.placement,
        options.seed,
        command=options.command,
        system=subject.system.name,
        architectures=options.architectures,
        control=control,
        tree=described,
        microkernels=[name for name in options.architectures if _microkernel(subject, name)],
        rounds={label: len(rounds) for label, rounds in by_label.items()},
        probes=len(found.probes) // len(options.architectures),
        operations=options.operations,
        kills=len(found.trials) // len(options.architectures),
        campaign=options.campaign,
        killed=subject.driver,
        images_on=host_filesystem(folder),
        wrong=_wrong(found),
    )
    results = {a: outcomes([t for t in found.trials if t.architecture == a]) for a in options.architectures}
    return {"about": facts, "records": recorder.records, "outcomes": results}
