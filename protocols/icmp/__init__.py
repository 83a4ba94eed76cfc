"""ICMP echoes of IPv4 (RFC 792) and IPv6 (RFC 4443): is a host there?"""
