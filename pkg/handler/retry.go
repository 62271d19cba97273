package handler

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// patient is the SDK's adaptive retryer, which the calls of a client share, and which sends slower the
// more is refused as too many. What is refused as such it asks for more often than what fails: another
// try of the event would begin with all of it again, and be refused as well. The end of the run's time
// ends that.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
type patient struct {
	*retry.AdaptiveMode
	// failures is how often a call is made that fails in another way.
	failures int
}

// throttled is how often a call is made that is refused as too many. From the fifth time on, about 20
// seconds are between two of them.
const throttled = 12

func newPatient(failures int) aws.Retryer {
	if failures == 0 {
		failures = retry.DefaultMaxAttempts
	}
	return patient{retry.NewAdaptiveMode(), failures}
}

// MaxAttempts implements [aws.Retryer].
func (p patient) MaxAttempts() int { return max(throttled, p.failures) }

// RetryDelay implements [aws.Retryer]. It is the one method that is told what failed, and how often.
func (p patient) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt >= p.failures && retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) != aws.TrueTernary {
		return 0, &retry.MaxAttemptsError{Attempt: attempt, Err: err}
	}
	return p.AdaptiveMode.RetryDelay(attempt, err)
}
