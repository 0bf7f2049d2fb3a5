"""The engine over HTTP: OpenAI's speech API, streamed while the audio is synthesised.

    python -m engine serve

Its modules; each imports only those above it:

    config          address, limits, token
    errors          errors in the shape of OpenAI's API
    admission       who may synthesise now, who waits, who is turned away
    metrics         what is measured of each request
    response_cache  a cache of complete responses, off by default
    state           what all requests share
    names           names as clients write them, and what they stand for
    surrogates      halves of characters, which JavaScript's clients send
    schemas         speech requests, read and validated
    voice_pool      the loaded voices, found by name
    synthesis       one text, from the engine's stream to encoded chunks
    payloads        pieces of HTTP responses and WebSocket messages
    tasks           work that goes on until something else happens
    speech          the response to one speech request over HTTP
    utterance       one utterance on a WebSocket: its text and what was played of it
    websocket       the session on a WebSocket, with barge-in
    head            HEAD, answered as GET
    app             the routes
    http10          clients of HTTP/1.0
    lifecycle       listens, loads the voices, serves and ends
"""
