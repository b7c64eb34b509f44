# Every line is a command a person could type.
# make chat PORT=5006 uses another port; HOST=0.0.0.0 lets other machines in.
PORT ?= 5005
HOST ?= 127.0.0.1
PYTHON := .venv/bin/python
SHELL := /bin/bash
RESULTS := benchmarks/results
export RASA_TELEMETRY_ENABLED := false

.PHONY: help chat train test lint bench docs clean

help:  ## Show what there is to make.
	@grep -hE '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 10

chat: .venv/.installed-example  ## Talk to the example bot in the browser. Ctrl-C ends it.
	@$(PYTHON) example_bot/start.py --port $(PORT) --host $(HOST)

train: .venv/.installed-example  ## Train the example bot, if what it depends on has changed.
	@$(PYTHON) example_bot/start.py --prepare

test: .venv/.installed-development  ## Install what is missing and run every test.
	@scripts/install_test_tools.sh
	@$(PYTHON) example_bot/start.py --prepare
	$(PYTHON) -m pytest --ignore tests/e2e
	$(PYTHON) -m pytest tests/e2e  # apart: Playwright's event loop stays in the process

lint: .venv/.installed-development  ## Check style, types and complexity.
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

bench: .venv/.installed-development  ## Measure, and write docs/benchmarks.md. DATA=folder measures more.
	@mkdir -p $(RESULTS)
	$(PYTHON) benchmarks/import_time.py --json $(RESULTS)/import_time.json
	@$(PYTHON) example_bot/start.py --prepare
	$(PYTHON) benchmarks/generated_replies.py --json $(RESULTS)/generated_replies.json
	$(PYTHON) benchmarks/running_bot.py --peer stock --json $(RESULTS)/running_bot.json
	$(PYTHON) benchmarks/simultaneous.py --peer diet --peer diet-tensorflow-1 --peer diet-openmp-1 --peer diet-encoder-2 --peer diet-encoder-spinning --json $(RESULTS)/simultaneous.json
	$(PYTHON) benchmarks/large_bot.py --peer featurizer --json $(RESULTS)/large_bot.json
	$(PYTHON) benchmarks/load.py --soak 20 --json $(RESULTS)/load.json
	$(PYTHON) benchmarks/faults/bot_faults.py --json $(RESULTS)/bot_faults.json
	$(PYTHON) benchmarks/faults/ray_node_killed.py --json $(RESULTS)/ray_node_killed.json
ifdef DATA
	$(PYTHON) benchmarks/serving.py --data $(DATA)/intent/banking77 --json $(RESULTS)/serving.json
	$(PYTHON) benchmarks/scale_out.py --data $(DATA)/intent/banking77 --json $(RESULTS)/scale_out.json
	$(PYTHON) benchmarks/intent.py --data $(DATA)/intent/banking77 --train train_10 --seeds 3 --peer frozen --peer diet --json $(RESULTS)/intent.json
	$(PYTHON) benchmarks/intent.py --data $(DATA)/intent/banking77 --train train_5 --seeds 3 --json $(RESULTS)/intent_5.json
	$(PYTHON) benchmarks/intent.py --data $(DATA)/intent/banking77 --train train --json $(RESULTS)/intent_full.json
	$(PYTHON) benchmarks/intent.py --data $(DATA)/intent/banking77 --train train_10 --peer frozen --peer diet --parse-only --json $(RESULTS)/parse.json
	$(PYTHON) benchmarks/intent_adapter.py --json $(RESULTS)/intent_adapter.json
	$(PYTHON) benchmarks/reliability.py --json $(RESULTS)/intent.json --picture docs/images/reliability.png
	$(PYTHON) benchmarks/runtimes.py --data $(DATA)/intent/banking77 --json $(RESULTS)/runtimes.json
	$(PYTHON) benchmarks/out_of_scope.py --data $(DATA)/intent/banking77_oos --oos id-oos ood-oos --json $(RESULTS)/out_of_scope.json
	$(PYTHON) benchmarks/insights.py --data $(DATA)/intent/banking77 --json $(RESULTS)/insights.json
	$(PYTHON) benchmarks/augmentation.py --data $(DATA)/intent/banking77 --train train_5 --intents 20 --calls 1 --json $(RESULTS)/augmentation.json
	$(PYTHON) benchmarks/knowledge.py --data $(DATA)/faq/xquad/xquad.en.json --json $(RESULTS)/knowledge.json
	$(PYTHON) benchmarks/sentiment.py --vader $(DATA)/sentiment/vader --questions $(DATA)/faq/xquad/xquad.en.json --json $(RESULTS)/sentiment.json
	$(PYTHON) benchmarks/guardrails.py --injections $(DATA)/guardrails/prompt_injections --harmless $(DATA)/guardrails/notinject --json $(RESULTS)/guardrails.json
	$(PYTHON) benchmarks/guardrails_in_chat.py --injections $(DATA)/guardrails/prompt_injections --harmless $(DATA)/guardrails/notinject --json $(RESULTS)/guardrails_in_chat.json
else
	@echo "For the rest: make bench DATA=folder, with intent/banking77, intent/banking77_oos, faq/xquad, sentiment/vader and guardrails in it."
endif
	$(PYTHON) benchmarks/tables.py

docs: .venv/.installed-development  ## Build the documentation into site/.
	@NO_MKDOCS_2_WARNING=true .venv/bin/mkdocs build --strict --quiet && echo "The documentation is in site/index.html"

clean:  ## Remove what was trained, built and logged; keep .venv and the bot's database.
	rm -rf example_bot/models example_bot/.rasa example_bot/.run site build benchmarks/results

.venv/.installed-%: setup.cfg setup.py pyproject.toml
	@scripts/install_environment.sh $*
