# The notebooks in a container:  docker build -t mobilenet-book .  &&  docker run --rm -p 8888:8888 mobilenet-book
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
    && .venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt -e . \
    && touch .venv/.ready
COPY --chown=reader:reader . .

EXPOSE 8888
CMD [".venv/bin/jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "chapters"]
