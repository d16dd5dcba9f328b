package audio

import "math"

// zeroCrossings is the half width of the low-pass in periods of its cut-off:
// enough to keep aliases of speech below what µ-law can carry.
const zeroCrossings = 16

// resampler brings sound of any rate to 8 kHz with a windowed-sinc low-pass.
// It works as the samples come in, so its memory does not grow with the
// length of the sound.
type resampler struct {
	step, unit int // the input advances step/unit samples per output sample
	half       int // kernel reach in input samples
	kernels    map[int][]float32
	cutoff     float64

	window []float32 // input still needed
	first  int       // input index of window[0]
	next   int       // next output sample
	out    []int16
}

func newResampler(rate int) *resampler {
	divisor := gcd(rate, SampleRate)
	r := &resampler{step: rate / divisor, unit: SampleRate / divisor, kernels: map[int][]float32{}}
	ratio := float64(rate) / SampleRate
	// 3.7 kHz of 4 kHz when reducing the rate; the whole band when raising it.
	r.cutoff = min(1, 1/ratio) * 0.925
	r.half = int(math.Ceil(zeroCrossings * max(1, ratio)))
	r.window = make([]float32, r.half) // silence before the beginning
	r.first = -r.half
	return r
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (r *resampler) push(s float32) {
	r.window = append(r.window, s)
	for {
		centre := r.next * r.step / r.unit
		if centre+r.half >= r.first+len(r.window) {
			break
		}
		r.out = append(r.out, r.at(centre, r.next*r.step%r.unit))
		r.next++
	}
	// Forget in large strides: the copy then costs next to nothing.
	if keep := r.next*r.step/r.unit - r.half; keep-r.first > 8192 {
		r.window = append(r.window[:0], r.window[keep-r.first:]...)
		r.first = keep
	}
}

func (r *resampler) flush(total int) []int16 {
	want := (total*r.unit + r.step - 1) / r.step
	for len(r.out) < want {
		r.push(0)
	}
	return r.out[:want]
}

func (r *resampler) at(centre, phase int) int16 {
	kernel := r.kernel(phase)
	base := centre - r.half - r.first
	var sum float32
	for i, k := range kernel {
		sum += k * r.window[base+i]
	}
	return int16(max(math.MinInt16, min(math.MaxInt16, math.Round(float64(sum)))))
}

// kernel is the low-pass for outputs that fall phase/unit after an input
// sample. There are few phases for every common rate (44.1 kHz: 80).
func (r *resampler) kernel(phase int) []float32 {
	if k, ok := r.kernels[phase]; ok {
		return k
	}
	offset := float64(phase) / float64(r.unit)
	k := make([]float64, 2*r.half)
	var sum float64
	for i := range k {
		x := float64(i-r.half) - offset
		// Blackman window: side lobes at -58 dB.
		w := math.Pi * x / float64(r.half+1)
		k[i] = sinc(x*r.cutoff) * (0.42 + 0.5*math.Cos(w) + 0.08*math.Cos(2*w))
		sum += k[i]
	}
	kernel := make([]float32, len(k))
	for i := range k {
		kernel[i] = float32(k[i] / sum)
	}
	if len(r.kernels) < 512 { // an odd rate must not fill the memory
		r.kernels[phase] = kernel
	}
	return kernel
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}
