"""A short film with sound, cut into segments, for players of HLS and DASH."""

import subprocess
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

SECONDS = 16
SEGMENT = 4
FRAMES = 24  # in a second

HLS = "master.m3u8"
DASH = "film.mpd"


def segment(number: int) -> str:
    """The file with the pictures of one segment, the first of which is 1."""
    return f"chunk-0-{number}.m4s"


def make(folder: Path) -> Path:
    """Make it: H.264 and AAC, which Debian's Chromium plays, in segments of four seconds."""
    subprocess.run(
        (
            *(get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error"),
            *("-f", "lavfi", "-i", f"testsrc2=size=320x180:rate={FRAMES}:duration={SECONDS}"),
            *("-f", "lavfi", "-i", f"sine=frequency=440:duration={SECONDS - 0.1}"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
            *("-b:v", "200k", "-maxrate", "200k", "-bufsize", "400k"),
            *("-g", f"{SEGMENT * FRAMES}", "-keyint_min", f"{SEGMENT * FRAMES}"),
            *("-sc_threshold", "0", "-c:a", "aac", "-b:a", "48k"),
            *("-f", "dash", "-seg_duration", f"{SEGMENT}", "-use_timeline", "0"),
            *("-adaptation_sets", "id=0,streams=v id=1,streams=a", "-hls_playlist", "1"),
            *("-init_seg_name", "init-$RepresentationID$.mp4"),
            *("-media_seg_name", "chunk-$RepresentationID$-$Number$.m4s"),
            folder / DASH,
        ),
        check=True,
    )
    return folder
