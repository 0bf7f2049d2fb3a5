"""The engine over HTTP: OpenAI's speech interface, streamed while it is spoken.

    python -m engine serve

Its modules, from those that know least of the others on:

    options    what the server is told: address, limits, who may ask
    problems   errors in OpenAI's shape
    places     how many may speak at once, and how many may wait
    speakers   the open voices, and the names they answer to
    history    what was measured of the last requests
    sounds     a cache of whole answers, off by default
    wishes     what a request asks for, read and checked
    speech     one request from its text to its last byte
    talk       a WebSocket: text as it is written, sound as it is made, barge-in
    app        the routes
    run        opens the voices, listens, drains and ends
"""
