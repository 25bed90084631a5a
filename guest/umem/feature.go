package umem

import (
	"fmt"
	"sync/atomic"
	"time"
)

// featureTime is how long the tender may take to do as is chosen: it sends what
// waits first.
const featureTime = 5 * time.Second

// Offers is the set of features of abi.UMEMPort that there are for the device.
func (p *Port) Offers() uint32 { return atomic.LoadUint32(&p.shared.Offers) }

// Has says that a feature has been chosen.
func (p *Port) Has(feature uint32) bool { return p.has&feature != 0 }

// Choose has frames be as a set of features says, and returns what of it the
// tender has taken. Frames that came before are dropped. kick wakes the tender if
// it sleeps. Nobody else uses the port meanwhile.
func (p *Port) Choose(features uint32, kick func() error) (uint32, error) {
	for deadline := time.Now().Add(featureTime); ; time.Sleep(20 * time.Microsecond) {
		features &= p.Offers()
		atomic.StoreUint32(&p.shared.Wants, features)
		if err := kick(); err != nil {
			return 0, err
		}
		if atomic.LoadUint32(&p.shared.Has) == features {
			break
		}
		p.Reclaim() // the tender may wait for room to give frames back
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("the tender does not change how frames are passed")
		}
	}
	p.drop()
	p.has = features
	return features, nil
}

// drop releases the frames that wait, but does not keep up with a flood. It lends
// nothing.
func (p *Port) drop() {
	p.rx.Lock()
	defer p.rx.Unlock()
	for range p.fill.mask + 1 {
		d, ok := p.receive.take()
		if !ok {
			break
		}
		p.lent--
		p.umem.Release(Frame(d))
	}
	p.receive.publish()
}
