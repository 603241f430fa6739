# The last layer of an image: recstack itself, the user it runs as, and what that user owns.
# A new volume takes the owner of the folder that it is mounted on.
set -eu
pip install -q --no-index --no-deps --no-cache-dir /wheel/*.whl
useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin recstack
for folder in secrets releases data log traffic load; do
    install -d -m 0700 -o recstack -g recstack /recstack/var/$folder
done
