package main

import (
	"slices"
	"strings"
)

// A core is one kind of core that /proc/cpuinfo tells of.
type core struct {
	name  string
	model string // what llvm-mca calls it, where the project has a model of it
}

// Arm's cores and those of others are told by the numbers of their implementer and
// part. The Yitian 710 has Neoverse N2, which is all that it tells.
var parts = map[string]map[string]core{
	"0x41": { // Arm
		"0xd03": {name: "Arm Cortex-A53"},
		"0xd05": {name: "Arm Cortex-A55"},
		"0xd07": {name: "Arm Cortex-A57"},
		"0xd08": {name: "Arm Cortex-A72"},
		"0xd09": {name: "Arm Cortex-A73"},
		"0xd0b": {name: "Arm Cortex-A76"},
		"0xd0c": {"Arm Neoverse N1", "neoverse-n1"},
		"0xd40": {"Arm Neoverse V1", "neoverse-v1"},
		"0xd49": {"Arm Neoverse N2 (as in the Yitian 710)", "neoverse-n2"},
		"0xd4f": {"Arm Neoverse V2", "neoverse-v2"},
	},
	"0x48": { // HiSilicon
		"0xd01": {"HiSilicon TaiShan v110 (Kunpeng 920)", "tsv110"},
		"0xd02": {name: "HiSilicon TaiShan v120"},
	},
	"0x6d": { // Microsoft
		"0xd49": {"Microsoft Azure Cobalt 100", "neoverse-n2"},
	},
	"0x70": { // Phytium
		"0x303": {name: "Phytium FTC310 (E2000)"},
		"0x660": {name: "Phytium FTC660"},
		"0x661": {name: "Phytium FTC661 (FT-1500A)"},
		"0x662": {name: "Phytium FTC662 (FT-2000+)"},
		"0x663": {name: "Phytium FTC663 (FT-2000/4, D2000, S2500)"},
		"0x664": {name: "Phytium FTC664"},
		"0x862": {name: "Phytium FTC862 (D3000, S5000C)"},
	},
	"0xc0": { // Ampere
		"0xac3": {name: "Ampere-1"},
		"0xac4": {name: "Ampere-1a"},
	},
}

// cores are the kinds of cores in /proc/cpuinfo, each once, in order.
func cores(cpuinfo string) (list []core) {
	for _, paragraph := range strings.Split(cpuinfo, "\n\n") {
		if c := decode(paragraph); c.name != "" && !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}

// decode reads what stands of one core. Each architecture names it by other words.
func decode(paragraph string) core {
	values := make(map[string]string)
	for _, line := range strings.Split(paragraph, "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			values[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
	implementer, part := strings.ToLower(values["cpu implementer"]), strings.ToLower(values["cpu part"])
	if c, ok := parts[implementer][part]; ok {
		return c
	}
	for _, name := range []string{"model name", "uarch", "cpu model"} {
		if values[name] != "" {
			return core{name: values[name]}
		}
	}
	if part != "" {
		return core{name: "implementer " + implementer + ", part " + part}
	}
	return core{}
}
