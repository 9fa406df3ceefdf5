# Quantiles of the largest |t| of correlated differences, and Holm's p-values: the values in
# tests/methods/test_simultaneous.py. Run with: Rscript tests/reference/largest_t.R
# Made with R 4.2.2, mvtnorm 1.1.3.
library(mvtnorm)
set.seed(20240101)
fine <- GenzBretz(maxpts = 1e7, abseps = 1e-7)

# every pair of three independent groups with variances 4, 9, 1
V <- diag(c(4, 9, 1)); L <- rbind(c(-1, 1, 0), c(-1, 0, 1), c(0, -1, 1))
cat(qmvnorm(.95, tail = "both.tails", corr = cov2cor(L %*% V %*% t(L)), algorithm = fine)$quantile, "\n")  # 2.323953

# three groups against the first, variances 1, 2, 3, 4
V <- diag(c(1, 2, 3, 4)); L <- cbind(-1, diag(3))
cat(qmvnorm(.95, tail = "both.tails", corr = cov2cor(L %*% V %*% t(L)), algorithm = fine)$quantile, "\n")  # 2.378379

# every pair of 3, 4, 6, 10 groups of equal variance (Tukey)
cat(sprintf("%.8f", qtukey(.95, c(3, 4, 6, 10), Inf) / sqrt(2)), "\n")  # 2.34370059 2.56903178 2.84970544 3.16368375

cat(p.adjust(c(.012, .04, .003, .2), "holm"), "\n")  # 0.036 0.080 0.012 0.200
