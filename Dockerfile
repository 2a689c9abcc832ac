# syntax=docker/dockerfile:1
# The command zero-dce, with the versions of constraints.txt. For a processor: docker build --tag zero-dce .
# For NVIDIA GPUs: docker build --tag zero-dce --build-arg TORCH=cu130 .
FROM python:3.11-slim AS build
# Which build of PyTorch: the name of an index of https://download.pytorch.org/whl
ARG TORCH=cpu
WORKDIR /source
COPY pyproject.toml setup.py README.md LICENSE constraints.txt ./
COPY conf conf
COPY hydra_plugins hydra_plugins
COPY zero_dce zero_dce
RUN python -m venv /opt/zero-dce \
    && /opt/zero-dce/bin/pip install --no-cache-dir --constraint constraints.txt \
        --extra-index-url "https://download.pytorch.org/whl/${TORCH}" ".[heif,openvino,raw,video]"

FROM python:3.11-slim
COPY --from=build /opt/zero-dce /opt/zero-dce
ENV PATH=/opt/zero-dce/bin:$PATH
RUN useradd --create-home --uid 1000 zero-dce
USER 1000
WORKDIR /work
ENTRYPOINT ["zero-dce"]
CMD ["--help"]
