# A small x86_64 QEMU for the tests: both PC machines, bridges, and the device under test.
CONFIG_Q35=y
CONFIG_I440FX=y
CONFIG_PCI_DEVICES=y
CONFIG_PCIE_PORT=y
CONFIG_DIMM=y
CONFIG_BOCHS_DISPLAY=y
CONFIG_OPENPVG_PCI=y
