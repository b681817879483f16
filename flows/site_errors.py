"""Why runs at sites cannot be asked for; each says what is missing and how to supply it."""

from __future__ import annotations


class SitesError(Exception):
    """Something about asking sites."""


class NoHubError(SitesError):
    """A campaign names sites, and there is no hub to ask them through."""

    def __init__(self, sites: tuple[str, ...]) -> None:
        super().__init__(tuple(sites))
        self.sites = tuple(sites)

    def __str__(self) -> str:
        return (
            f"runs lie at {', '.join(self.sites)}, and sites are asked through their hub; "
            "say where it is, with PREFECT_API_URL=http://HOST:PORT/api"
        )


class NoKeyError(SitesError):
    """Nobody has said with which key to sign what sites are asked."""

    def __init__(self, sites: tuple[str, ...]) -> None:
        super().__init__(tuple(sites))
        self.sites = tuple(sites)

    def __str__(self) -> str:
        return (
            f"{', '.join(self.sites)} answer only to signed requests; name your private key with --key or "
            "HALOS_KEY (`halos key new` makes a pair; the site's administrator needs the public one)"
        )


class UnknownSiteError(SitesError):
    """No site of this name has reported to the hub."""

    def __init__(self, site: str) -> None:
        super().__init__(site)
        self.site = site

    def __str__(self) -> str:
        return (
            f"no site called {self.site} has reported to this hub; "
            "correct the name, or start its worker there: halos site worker"
        )


class HubLostError(SitesError):
    """The hub does not answer any more."""

    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(url, seconds)
        self.url, self.seconds = url, seconds

    def __str__(self) -> str:
        return (
            f"the hub at {self.url} has not answered for {self.seconds:.0f} s; sites go on by themselves: "
            "run the campaign again when it is back, nothing is done twice"
        )


class SiteWaitingError(SitesError):
    """A site is not done with a run yet."""


class SiteBrokenError(SitesError):
    """A site cannot reduce a run as it is."""


class SiteRefusedError(SitesError):
    """A site does not reduce a run, or keeps what came of it."""
