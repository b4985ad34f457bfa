# The notebooks in a container:  docker build -t mobilenet-book .  &&  docker run --rm -p 8888:8888 mobilenet-book
# It builds the book, without the tools that test it, and opens copies of the clean notebooks.
FROM python:3.12-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential git make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home reader

WORKDIR /home/reader/book
COPY --chown=reader:reader requirements.txt pyproject.toml setup.py Makefile ./
COPY --chown=reader:reader mobilenet_lib mobilenet_lib
RUN chown reader:reader .
USER reader
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --disable-pip-version-check uv \
    && sed '/^# Tests and checks/,$d' requirements.txt > needed.txt \
    && .venv/bin/uv pip install --no-cache --python .venv/bin/python --torch-backend=cpu -r needed.txt -e . \
    && touch .venv/.ready
COPY --chown=reader:reader . .
RUN .venv/bin/python book/tools/build.py

EXPOSE 8888
CMD [".venv/bin/python", "book/tools/lab.py", "--ip=0.0.0.0", "--no-browser"]
