"""Property tests judge what comes out, not how long a busy machine took for it."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")
