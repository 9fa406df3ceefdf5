# Weights and standard errors of R's survey package: tests/methods/test_calibration.py, test_weighted.py and
# test_weighting.py compare with the files this script writes. Run from tests/reference: Rscript calibration.R
# Made with R 4.2.2, survey 4.1.1.
#
# calibration_rows.csv     240 made-up answers: three frame variables, a number, base weight d, customer, part, nps
# calibration_weights.csv  the same rows: the weights of each call below
# calibration_values.csv   estimates and standard errors, one per line
# calibration_api.csv      sums by district, type and growth target of apiclus1 (California schools, survey package)
suppressMessages(library(survey))
options(digits = 15, survey.replicates.mse = FALSE)

set.seed(20250401)
n <- 240
rows <- data.frame(
  country = sample(c("AT", "DE", "JP"), n, TRUE, c(.3, .5, .2)),
  segment = sample(c("Family", "Plus", "Small business", "Standard"), n, TRUE),
  channel = sample(c("app", "mail"), n, TRUE, c(.35, .65)),
  tenure = round(rexp(n, 1 / 4), 1),
  d = round(runif(n, 2, 9), 1),
  customer = sample(1:170, n, TRUE)
)
rows$part <- rows$customer %% 16
rows$nps <- pmin(10, pmax(0, round(7 + (rows$country == "AT") - 2 * (rows$segment == "Plus") + rows$tenure / 5 + rnorm(n, 0, 2.5))))
rows$nps[sample(n, 20)] <- NA
rows$worth <- ifelse(rows$nps >= 9, 100, ifelse(rows$nps <= 6, -100, 0))
write.csv(rows[, c("country", "segment", "channel", "tenure", "d", "customer", "part", "nps")], "calibration_rows.csv", row.names = FALSE)

country <- data.frame(country = c("AT", "DE", "JP"), Freq = c(340, 640, 400))
segment <- data.frame(segment = c("Family", "Plus", "Small business", "Standard"), Freq = c(300, 420, 280, 380))
channel <- data.frame(channel = c("app", "mail"), Freq = c(380, 1000))
both <- data.frame(country = rep(c("AT", "DE", "JP"), 2), channel = rep(c("app", "mail"), each = 3), Freq = c(100, 150, 130, 240, 490, 270))
margins <- list(country, segment, channel)
formulas <- list(~country, ~segment, ~channel)
tight <- list(epsilon = 1e-12, maxit = 1000)

weighed <- data.frame(row = 1:n)
values <- list()
keep <- function(name, design) {
  weighed[[name]] <<- as.numeric(weights(design, "sampling"))
  m <- svymean(~worth, design, na.rm = TRUE)
  values[[paste0(name, ".mean")]] <<- coef(m)
  values[[paste0(name, ".se")]] <<- SE(m)
}

one <- svydesign(ids = ~1, weights = ~1, data = rows)          # base weight 1
based <- svydesign(ids = ~1, weights = ~d, data = rows)        # base weights d
clustered <- svydesign(ids = ~customer, weights = ~d, data = rows)
cal <- function(design, ...) calibrate(design, formulas, margins, epsilon = 1e-13, maxit = 500, ...)

keep("linear", cal(based, calfun = "linear"))
keep("raking", cal(based, calfun = "raking"))
keep("logit", cal(based, calfun = "logit", bounds = c(.4, 2.5)))
keep("truncated", cal(based, calfun = "linear", bounds = c(.5, 2.3)))
keep("raking_clustered", cal(clustered, calfun = "raking"))
keep("linear_clustered", cal(clustered, calfun = "linear"))
# rake(): iterative proportional fitting; its own linearisation is the same where base weights are equal
keep("rake", rake(one, formulas, margins, control = list(epsilon = 1e-9, maxit = 500)))
keep("poststratified", postStratify(based, ~ country + channel, both))
# a numeric total beside the margins, and the number of customers: GREG on tenure
keep("greg", calibrate(based, ~ tenure, c("(Intercept)" = 1380, tenure = 5600)))
# F = 1 + e^u: balancing propensity weights (Imai & Ratkovic 2014)
balancing <- make.calfun(Fm1 = function(u, bounds) exp(u), dF = function(u, bounds) exp(u), name = "balancing")
keep("propensity", calibrate(one, formulas, margins, calfun = balancing, epsilon = 1e-13, maxit = 500))
# the mean of a part of the answers, calibrated on all of them
values$domain.mean <- coef(svymean(~worth, subset(cal(based, calfun = "raking"), channel == "app"), na.rm = TRUE))
values$domain.se <- SE(svymean(~worth, subset(cal(based, calfun = "raking"), channel == "app"), na.rm = TRUE))
# re-weighted in every replicate of a delete-a-part jackknife
jack <- as.svrepdesign(svydesign(ids = ~part, weights = ~d, data = rows), type = "JK1")
keep("jackknife", calibrate(jack, formulas, margins, calfun = "raking", epsilon = 1e-12, maxit = 500))
keep("jackknife_linear", calibrate(jack, formulas, margins, calfun = "linear", epsilon = 1e-12, maxit = 500))
# trimming
raked <- cal(based, calfun = "raking")
weighed$trimmed <- as.numeric(weights(trimWeights(raked, lower = 3, upper = 8.5), "sampling"))
weighed$trimmed_strict <- as.numeric(weights(trimWeights(raked, lower = 3, upper = 8.5, strict = TRUE), "sampling"))

# inverse propensities: a logistic regression on 1,200 customers, everyone's facts known
set.seed(7)
frame <- data.frame(country = sample(c("AT", "DE", "JP"), 1200, TRUE), channel = sample(c("app", "mail"), 1200, TRUE))
frame$responded <- runif(1200) < plogis(-1 + .8 * (frame$channel == "app") - .5 * (frame$country == "JP"))
frame$nps <- ifelse(frame$responded, pmin(10, pmax(0, round(7 + 2 * (frame$channel == "app") + rnorm(1200, 0, 2.5)))), NA)
cells <- aggregate(list(n = rep(1, 1200)), list(country = frame$country, channel = frame$channel, responded = frame$responded, nps = ifelse(is.na(frame$nps), -1, frame$nps)), sum)
cells$nps[cells$nps < 0] <- NA
write.csv(cells, "calibration_frame.csv", row.names = FALSE)
fit <- glm(responded ~ country + channel, binomial, frame, control = list(epsilon = 1e-14))
answers <- frame[frame$responded, ]
worth <- ifelse(answers$nps >= 9, 100, ifelse(answers$nps <= 6, -100, 0))
w <- 1 / fitted(fit)[frame$responded]
theta <- sum(w * worth) / sum(w)
values$ipw.mean <- theta
# stacked estimating equations of the propensity's coefficients and the mean (Stefanski & Boos 2002), by numbers
x <- model.matrix(fit)
y <- ifelse(frame$responded, ifelse(frame$nps >= 9, 100, ifelse(frame$nps <= 6, -100, 0)), 0)
r <- as.numeric(frame$responded)
equations <- function(p) { e <- plogis(drop(x %*% p[1:4])); cbind(x * (r - e), r * (y - p[5]) / e) }
at <- c(coef(fit), theta)
slope <- sapply(1:5, function(j) { h <- 1e-5 * max(1, abs(at[j])); up <- at; up[j] <- up[j] + h; down <- at; down[j] <- down[j] - h; (colSums(equations(up)) - colSums(equations(down))) / (2 * h) })
meat <- crossprod(equations(at))
values$ipw.se <- sqrt((solve(slope) %*% meat %*% t(solve(slope)))[5, 5])
# a regression of the score on the same facts, and the doubly robust mean without cross-fitting
m <- predict(lm(worth ~ country + channel, answers), frame)
phi <- m + r * (y - m) / fitted(fit)
values$aipw.mean <- mean(phi)
values$aipw.se <- sd(phi) / sqrt(1200)

write.csv(format(weighed, digits = 15, trim = TRUE), "calibration_weights.csv", row.names = FALSE, quote = FALSE)
write.csv(data.frame(name = names(values), value = sprintf("%.13g", unlist(values))), "calibration_values.csv", row.names = FALSE, quote = FALSE)

# the survey package's own example (tests/rakecheck.R): raked means of apiclus1, 15 districts
data(api)
api <- aggregate(list(n = rep(1, 183), api00 = apiclus1$api00, enroll = apiclus1$enroll), list(dnum = apiclus1$dnum, stype = apiclus1$stype, growth = apiclus1$sch.wide), sum)
write.csv(api, "calibration_api.csv", row.names = FALSE, quote = FALSE)
types <- data.frame(stype = c("E", "H", "M"), Freq = c(4421, 755, 1018))
growth <- data.frame(sch.wide = c("No", "Yes"), Freq = c(1072, 5122))
for (fpc in list(~fpc, NULL)) {
  design <- svydesign(id = ~dnum, weights = ~pw, data = apiclus1, fpc = fpc)
  done <- rake(design, list(~stype, ~sch.wide), list(types, growth), control = tight)
  jack <- rake(as.svrepdesign(design), list(~stype, ~sch.wide), list(types, growth), control = tight)
  print(svymean(~api00, done), digits = 9); print(SE(svymean(~api00, done)))   # 641.23: SE 23.704, 23.942 without fpc
  print(SE(svymean(~api00, jack)))                    # 26.873, 27.144 without fpc
  print(svytotal(~enroll, done), digits = 9); print(SE(svytotal(~enroll, done)))   # 3647280: SE 400603, 404632 without fpc
}
