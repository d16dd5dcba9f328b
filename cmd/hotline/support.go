package main

import (
	"io"

	"hotline/appliance/config"
	"hotline/appliance/health"
	"hotline/appliance/support"
)

// supportFile is what the page of the health gives to whoever helps from afar.
func (h *hotline) supportFile(cfg config.Config, log *support.Memory) func(io.Writer) error {
	figures := health.NewMetrics(h.measure)
	return func(w io.Writer) error {
		return support.Write(w, support.Box{Figures: h.measure(), Metrics: figures.Text, Settings: cfg, Log: log})
	}
}
