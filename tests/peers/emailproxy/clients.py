"""Uses email-oauth2-proxy as its clients do, and prints what it kept.

Standard input is JSON: `config` (its file), `cache_store` (where it keeps tokens, if that is
another file), `port` (its IMAP server), `person_password` (that of the people at the sign-in page),
`consents` (addresses of sign-in pages where a person only consents) and `logins`, each with `user`,
`password` and `expected` (whether it comes in), and `door`, if that is another than IMAP in clear:
what is spoken, and `port`. With a `token` in the place of a password it comes in by XOAUTH2. With
`read` it fetches every message; `message` (Base64) is what it sends, and `to` whom. Without `config`
nothing is started: who listens there is another.
Standard output is JSON: `said`, what each login fetched, in Base64, and with `config` `tokens`, the
clear tokens of every account, opened by the proxy's own code, and `log`.
"""

import base64
import configparser
import html
import http.cookiejar
import imaplib
import json
import os
import poplib
import re
import signal
import smtplib
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

ASKED = re.compile(r"Authorisation request received for (\S+)")
DEVICE = re.compile(r"Visit (\S+) and use code (\S+)")
LINK = re.compile(r"Please visit the following URL to authenticate account (\S+): (\S+)")


class Browser:
    """A browser without scripts, and the person in front of it."""

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    def __init__(self, password):
        self.password = password

    def sign_in(self, person, url):
        """Signs a person in and consents; gives where the browser is sent back to."""
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        opener = urllib.request.build_opener(jar, self.NoRedirect)
        page, back = self.fetch(opener, url, None)
        answers = {"username": person, "password": self.password}
        for _ in range(3):
            if back:
                return back
            page, back = self.submit(opener, page, answers)
            answers = {"answer": "accept"}
        raise SystemExit(f"not sent back: {page}")

    def enter_code(self, person, url, code):
        """Signs a person in on behalf of a device that shows a code."""
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        opener = urllib.request.build_opener(jar, self.NoRedirect)
        page, _ = self.fetch(opener, url, None)
        page, _ = self.submit(opener, page, {"otc": code})
        page, _ = self.submit(opener, page, {"username": person, "password": self.password})
        while "<form" in page:
            page, _ = self.submit(opener, page, {"answer": "accept"})

    def submit(self, opener, page, answers):
        form = page.split("<form", 1)[1]
        fields = {}
        for tag in re.findall(r"<input[^>]*>", form):
            name = re.search(r'name="([^"]*)"', tag)
            value = re.search(r'value="([^"]*)"', tag)
            if name:
                fields[name[1]] = html.unescape(value[1]) if value else ""
        fields.update(answers)
        action = html.unescape(re.search(r'action="([^"]*)"', form)[1])
        return self.fetch(opener, action, urllib.parse.urlencode(fields).encode())

    @staticmethod
    def fetch(opener, url, form):
        try:
            with opener.open(url, form, timeout=30) as answer:
                return answer.read().decode(), None
        except urllib.error.HTTPError as answer:
            if answer.status in (302, 303):
                return "", answer.headers["location"]
            raise SystemExit(f"{url}: {answer.status} {answer.read().decode()}")


def watch(proxy, browser, ready, log):
    """Reads what the proxy says, and goes where it wants a person to go."""
    person = None
    for line in proxy.stdout:
        log.append(line)
        if "Initialised Email OAuth 2.0 Proxy" in line:
            ready.set()
        asked = ASKED.search(line)
        person = asked[1] if asked else person
        device = DEVICE.search(line)
        if device:
            browser.enter_code(person, device[1], device[2])
        link = LINK.search(line)
        if link:
            back = browser.sign_in(link[1], link[2])
            urllib.request.urlopen(back, timeout=30).read()
    ready.set()


# A message may have longer lines than the library expects.
poplib._MAXLINE = imaplib._MAXLINE


def log_in(port, login):
    """What was fetched; None of whoever is not let in."""
    try:
        return DOORS[login.get("door", "imap")](login.get("port", port), login)
    except (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPException):
        return None


def imaps(port, login):
    return by_imap(imaplib.IMAP4_SSL("localhost", port, ssl_context=trusting(login), timeout=60), login)


def pop3(port, login):
    return by_pop3(poplib.POP3("127.0.0.1", port, timeout=60), login)


def pop3s(port, login):
    return by_pop3(poplib.POP3_SSL("localhost", port, context=trusting(login), timeout=60), login)


def by_pop3(client, login):
    if "token" in login:
        client._shortcmd("AUTH XOAUTH2 " + base64.b64encode(xoauth2(login)).decode())
    else:
        client.user(login["user"])
        client.pass_(login["password"])
    count, _ = client.stat()
    numbers = range(1, count + 1) if login.get("read") else []
    fetched = [b"".join(line + b"\r\n" for line in client.retr(number)[1]) for number in numbers]
    client.quit()
    return encoded(fetched)


def smtp(port, login):
    with smtplib.SMTP("localhost", port, timeout=60) as client:
        return by_smtp(client, login)


def smtps(port, login):
    with smtplib.SMTP_SSL("localhost", port, context=trusting(login), timeout=60) as client:
        return by_smtp(client, login)


def smtp_starttls(port, login):
    with smtplib.SMTP("localhost", port, timeout=60) as client:
        client.starttls(context=trusting(login))
        return by_smtp(client, login)


def by_smtp(client, login):
    if "token" in login:
        client.ehlo()
        client.auth("XOAUTH2", lambda _=None: xoauth2(login).decode())
    else:
        client.login(login["user"], login["password"])
    text = b"Subject: through the door\r\n\r\nHello.\r\n"
    text = base64.b64decode(login["message"]) if "message" in login else text
    client.sendmail(login["user"], [login.get("to", login["user"])], text)
    return []


def xoauth2(login):
    return "user={user}\x01auth=Bearer {token}\x01\x01".format(**login).encode()


def encoded(messages):
    return [base64.b64encode(message).decode() for message in messages]


def trusting(login):
    return ssl.create_default_context(cafile=login["authority"])


def imap(port, login):
    return by_imap(imaplib.IMAP4("127.0.0.1", port, timeout=60), login)


def by_imap(client, login):
    if "token" in login:
        client.authenticate("XOAUTH2", lambda _: xoauth2(login))
    else:
        answer = "\0{user}\0{password}".format(**login).encode()
        client.authenticate("PLAIN", lambda _: answer)
    _, (count,) = client.select("INBOX", readonly=True)
    numbers = range(1, int(count) + 1) if login.get("read") else []
    fetched = [client.fetch(str(number), "(BODY.PEEK[])")[1][0][1] for number in numbers]
    client.logout()
    return encoded(fetched)


DOORS = {
    "imap": imap,
    "imaps": imaps,
    "pop3": pop3,
    "pop3s": pop3s,
    "smtp": smtp,
    "smtps": smtps,
    "smtp-starttls": smtp_starttls,
}


def opened(config, logins):
    """The tokens that the proxy's own code opens."""
    import emailproxy

    emailproxy.CONFIG_FILE_PATH = emailproxy.CACHE_STORE = config
    read = configparser.ConfigParser(interpolation=None)
    read.read(config)
    tokens = {}
    for login in logins:
        user = login["user"]
        crypt = emailproxy.Cryptographer(read, user, login["password"])
        kept = {}
        for option in ("access_token", "refresh_token"):
            if read.has_option(user, option):
                kept[option] = crypt.decrypt(read.get(user, option))
        tokens[user] = kept
    return tokens


def main():
    order = json.load(sys.stdin)
    if "config" not in order:
        return json.dump({"said": use(order, [])}, sys.stdout)
    browser = Browser(order["person_password"])
    for consent in order["consents"]:
        browser.sign_in(consent["user"], consent["url"])
    command = [sys.executable, "-m", "emailproxy", "--no-gui", "--local-server-auth"]
    command += ["--config-file", order["config"], "--log-file", os.devnull, "--debug"]
    if "cache_store" in order:
        command += ["--cache-store", order["cache_store"]]
    proxy = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    ready, log = threading.Event(), []
    threading.Thread(target=watch, args=(proxy, browser, ready, log), daemon=True).start()
    try:
        ready.wait(60)
        said = use(order, log)
    finally:
        proxy.send_signal(signal.SIGINT)
        try:
            proxy.wait(40)
        except subprocess.TimeoutExpired:
            proxy.kill()
    good = [login for login in order["logins"] if login["expected"]]
    kept = opened(order.get("cache_store", order["config"]), good)
    json.dump({"said": said, "tokens": kept, "log": "".join(log)}, sys.stdout)


def use(order, log):
    """Logs everybody in; gives what each fetched."""
    said = []
    for login in order["logins"]:
        said.append(log_in(order.get("port"), login))
        if (said[-1] is not None) != login["expected"]:
            door = login.get("door", "imap")
            raise SystemExit(f"{login['user']} by {door}:\n{''.join(log)}")
    return said


main()
