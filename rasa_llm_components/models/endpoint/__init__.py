"""Encoder and text generator behind a server that speaks the OpenAI HTTP API, and what happens when it does not."""
