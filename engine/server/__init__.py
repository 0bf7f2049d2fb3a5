"""The engine over HTTP: OpenAI's speech interface, streamed while it is spoken.

python -m engine serve

options    what the server is told: address, limits, who may ask
problems   errors in OpenAI's shape
places     how many may speak at once, and how many may wait
speakers   the open voices, and the names they answer to
history    what was measured of the last requests
speech     one request from its text to its last byte
app        the routes
run        opens the voices, listens, drains and ends
"""
