"""Settings for every test: no model hub, one quiet TensorFlow, no telemetry."""

import os

os.environ.update(
    HF_HUB_OFFLINE="1",
    USE_TF="0",
    RASA_TELEMETRY_ENABLED="false",
    TF_CPP_MIN_LOG_LEVEL="3",
    SQLALCHEMY_SILENCE_UBER_WARNING="1",
    TOKENIZERS_PARALLELISM="false",
)
