"""The kokoro family (StyleTTS 2)."""
