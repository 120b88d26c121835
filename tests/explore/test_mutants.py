"""Each planted fault is found, and by an invariant that says what is wrong."""

import pytest
import small
from explorer import Broken, Explorer
from mutants import MUTANTS, mutated
from spec import INVARIANTS


@pytest.mark.parametrize(("name", "file", "old", "new", "system"), MUTANTS, ids=[mutant[0] for mutant in MUTANTS])
def test_mutant_is_found(name, file, old, new, system):
    explorer = Explorer(getattr(small, system)(), core=mutated(file, old, new))
    with pytest.raises(Broken) as found:
        explorer.run(seconds=20)
    assert found.value.invariant in INVARIANTS
    assert found.value.trace
