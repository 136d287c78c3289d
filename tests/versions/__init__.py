"""An older xw and this one on one hub and one xw.json."""
