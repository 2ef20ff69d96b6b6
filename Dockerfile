# The hosted demo, on two CPU cores: a Hugging Face Space (docs/hosting.md), or any machine with Docker:
#
#   docker build -t vicreg . && docker run --rm -p 8501:8501 vicreg
FROM python:3.11-slim

# A Space runs its container as user 1000, who must exist and own a home; everything outside it stays root's, so that
# nothing that a visitor does can change the app.
RUN useradd --create-home --uid 1000 user
WORKDIR /home/user/app
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# torch comes first and from PyTorch's own CPU index: PyPI's build brings 5 GB of CUDA with it. requirements.txt then
# finds its bounds kept. A line in requirements.txt itself could change where every other package comes from.
RUN pip install --index-url https://download.pytorch.org/whl/cpu "torch>=2.14,<3" "torchvision>=0.29,<1"
COPY requirements.txt ./
RUN pip install -r requirements.txt

# What changes least comes first. All of it is root's, so the app's folder can only be read.
COPY checkpoints ./checkpoints
COPY .streamlit ./.streamlit
COPY vicreg ./vicreg
COPY server ./server
COPY ui ./ui
COPY pages ./pages
COPY app.py README.md LICENSE ./

USER 1000
# What the app fetches or computes lies below the home and may be lost at any restart.
ENV HOME=/home/user \
    VICREG_CACHE=/home/user/.cache/vicreg \
    HF_HOME=/home/user/.cache/huggingface
# A thread for each computation, since visitors share the two cores: with two, one picture waited 200 to 400 ms for both
# cores to be free where one thread took 10 to 20 ms (measured on two busy cores), and many pictures gained nothing.
ENV OMP_NUM_THREADS=1

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=6s --start-period=90s CMD \
    ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=5)"]
# A Space shows the app inside huggingface.co's page, an iframe of another origin, where uploads need a cookie that browsers
# accept over HTTPS only. So it is not set elsewhere, where uploads over plain HTTP must work.
CMD ["sh", "-c", "exec streamlit run app.py --server.address=0.0.0.0 --server.port=8501 --server.headless=true ${SPACE_ID:+--server.xsrfCookieSameSite=none}"]
