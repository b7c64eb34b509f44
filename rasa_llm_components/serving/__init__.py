"""The models behind an HTTP server that many bots share: `rasa-llm serve`.

Nothing here imports Rasa: the server's environment needs neither it nor TensorFlow.
"""
