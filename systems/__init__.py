"""Ready system files, installed with the package; `microlith plan unix` finds them by name."""
