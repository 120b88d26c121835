"""Write down what a survey found.  The caller makes the bitmaps exact afterwards.

The order is that of every removal: entries first, then inodes, then (in volume.py) the bitmaps.  The
disk is marked as in use all the while, so a repair that is cut short is begun again.
"""

from servers.minix.layout import ENTRY, INODE, Super
from servers.minix.store import Store
from servers.minix.survey import Survey


class Repair:
    """One repair of one disk."""

    def __init__(self, store: Store, layout: Super, survey: Survey) -> None:
        self._store, self._layout, self._survey = store, layout, survey

    def run(self) -> None:
        """Write every block that is wrong, once."""
        self._drop_entries()
        self._store.write_many(self._survey.blocks)
        self._write_inodes()

    def _drop_entries(self) -> None:
        """Free the wrong entries, in the blocks that are written next."""
        survey, per_block = self._survey, self._layout.block_size // ENTRY.size
        where = []
        for entry in survey.wrong:
            zones = survey.directory_zones.get(entry.directory)
            if zones is not None:  # else the whole directory is lost
                where.append((zones[entry.slot // per_block], entry.slot % per_block))
        missing = {zone for zone, _ in where} - survey.blocks.keys()
        survey.blocks.update(self._store.read_many(missing))
        for zone, slot in where:
            content, at = survey.blocks[zone], slot * ENTRY.size
            survey.blocks[zone] = content[:at] + bytes(ENTRY.size) + content[at + ENTRY.size :]

    def _write_inodes(self) -> None:
        layout, survey = self._layout, self._survey
        per_block = layout.block_size // INODE.size
        blocks: dict[int, bytearray] = {}
        wanted = {layout.table_start + (number - 1) // per_block for number in survey.changed}
        for block, data in self._store.read_many(wanted).items():
            blocks[block] = bytearray(data)
        for number in survey.changed:
            index, slot = divmod(number - 1, per_block)
            at = slot * INODE.size
            blocks[layout.table_start + index][at : at + INODE.size] = INODE.pack(*survey.inodes[number])
        self._store.write_many({block: bytes(data) for block, data in blocks.items()})
