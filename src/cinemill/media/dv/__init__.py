"""DV as it lies on tape: pictures of DIF blocks that say when they were recorded and which of them are damaged."""
