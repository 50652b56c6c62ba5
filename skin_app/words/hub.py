"""What is said when the Hugging Face Hub does not give, or take, a repo: why, and what to do."""

NOT_LOGGED_IN = (
    "The Hub shows {repo} to nobody who is not logged in ({status}): check its name, then log in by "
    "`hf auth login`, or set HF_TOKEN to a token that may read it."
)
UNKNOWN_TOKEN = (
    "The Hub does not know your token ({status}): log in anew by `hf auth login`, or set HF_TOKEN to "
    "one that is valid."
)
GATED = (
    "{repo} is open only to those whom its owner lets in ({status}): ask for access on its page at the "
    "Hub, then log in by `hf auth login`, or set HF_TOKEN."
)
CLOSED = "The Hub has closed {repo} ({status}): use other weights."
FORBIDDEN = (
    "Your token may not read {repo} ({status}): take one that may, by `hf auth login` or in HF_TOKEN."
)
NO_REPO = (
    "The Hub has no repo {repo} that you may see ({status}): check its name, and whether your token "
    "may read it."
)
NO_COMMIT = (
    "{repo} is at the Hub, but has no commit {commit} ({status}): copy the 40 digits from its list of "
    "commits."
)
NO_FILE = "A file of {repo} is missing at the Hub ({status}): take another commit."
NOT_FOUND = (
    "{host} has nothing under the name {repo} ({status}): check the name, the commit, and HF_ENDPOINT "
    "where that is set."
)
TOO_MANY = {
    "": "{host} has had too many requests ({status}): try again later.",
    "seconds": "{host} has had too many requests ({status}): try again in {seconds} seconds.",
    "minutes": (
        "{host} has had too many requests ({status}): try again in {minutes} minutes ({seconds} s)."
    ),
}
DOWN = {
    "": "{host} has a fault of its own ({status}): try again later; https://status.huggingface.co.",
    "seconds": "{host} has a fault of its own ({status}): try again in {seconds} seconds.",
    "minutes": (
        "{host} has a fault of its own ({status}): try again in {minutes} minutes ({seconds} s)."
    ),
}
REFUSED = "{host} refuses {repo} ({status}): check the name and your token, and try again later."
PROXY_PASSWORD = (
    "The proxy that {variable} names wants a name and a password (407): write it like "
    "http://NAME:PASSWORD@proxy.example.org:8080."
)
PROXY_AWAY = (
    "The proxy that {variable} names cannot be reached: check its address, or unset {variable} where "
    "no proxy is needed."
)
PROXY_FAILS = (
    "The proxy that {variable} names does not let requests through to {host}: have it allowed there."
)
NO_PROXY = (
    "{variable} is no address of a proxy: write it like http://proxy.example.org:8080, or unset it."
)
SOCKS = "{variable} names a SOCKS proxy: install what that needs by `pip install socksio`, or unset it."
NO_ANSWER = (
    "{host} does not answer in time: try again; for a slow network, set HF_HUB_ETAG_TIMEOUT and "
    "HF_HUB_DOWNLOAD_TIMEOUT to more seconds."
)
NO_NAME = "The name {host} is not found: connect to a network, and check HF_ENDPOINT where that is set."
NOBODY_THERE = (
    "{host} refuses connections: check the network and its firewall, and HF_ENDPOINT where that is set."
)
NO_NETWORK = "{host} cannot be reached: connect to a network, and start the same command again."
CERTIFICATE = (
    "The certificate of {host} is not trusted: check the clock of this machine; where a proxy or a "
    "firewall reads along, set SSL_CERT_FILE to its certificate."
)
NO_TLS = (
    "{host} does not speak TLS as it should: have the firewall or proxy on the way let it through, and "
    "check HF_ENDPOINT where that is set."
)
BROKE_OFF = "The connection to {host} broke off: start the same command again; it goes on from there."
DISK_FULL = (
    "The disk is full where the files of the Hub lie: free some space, or set HF_HOME to another disk."
)
NOT_WRITABLE = (
    "The files of the Hub cannot be kept where they should lie: set HF_HOME to a folder that you may "
    "write to."
)
OFFLINE = (
    "HF_HUB_OFFLINE is set, and not all of {repo} was downloaded before: unset it, and connect to a "
    "network once."
)
NOT_THE_HUB = (
    "What answers at {host} is not the Hub: log in to this network where it wants that, and check "
    "HF_ENDPOINT where that is set."
)
WRONG_NAME = "{repo} is no name that the Hub takes: write owner/name."
WRONG_ENDPOINT = "HF_ENDPOINT is no address: write it like https://huggingface.co, or unset it."
WRONG_TOKEN = (
    "The token has characters that no token has: copy it anew, by `hf auth login` or into HF_TOKEN."
)
FAILED = "{repo} was not transferred ({fault}): start the same command again."
