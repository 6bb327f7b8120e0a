"""The serial protocol: one TOML definition, generated message types, framing, codec, and a reliable link.

| file | holds |
|---|---|
| ``protocol.toml`` | messages, ids, fields, types, units, docs |
| ``schema`` | reads and checks it |
| ``generate`` | renders it to Python and C++ |
| ``messages`` | the generated message types |
| ``codec`` | what the generated types are encoded and decoded with |
| ``framing`` | COBS, header, CRC-32; the resynchronising decoder |
| ``link`` | the host's and the device's side of the reliable link, without any input or output |
"""
