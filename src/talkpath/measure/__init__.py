"""What `talkpath report` and `talkpath scan` measure in the sound of a call: one method, one set of thresholds, one number for both.

measure_recording(recording)            # a file, piece by piece: what both commands do
measure_samples(caller, heard, …)       # both sides of a log, with who spoke when as the call itself knew it

The thresholds are in `talkpath.measure.thresholds`, and docs/scan.md tells them ("How it is measured").
"""

from talkpath.measure.call import CallMeasures, measure_samples
from talkpath.measure.recording import measure_recording

__all__ = ["CallMeasures", "measure_recording", "measure_samples"]
